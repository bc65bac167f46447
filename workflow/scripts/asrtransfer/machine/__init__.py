"""The machine: devices, threads and memory."""
