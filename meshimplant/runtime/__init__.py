"""The process the program runs in: threads, memory, installed versions."""
