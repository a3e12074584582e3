"""What goes wrong around the gateway: crashes, networks, clocks."""
