"""The chart, the image and the published contract, looked at with the tools of those who run them."""
