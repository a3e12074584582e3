"""One module an upstream system: it words the request and reads the answer, and does no I/O."""
