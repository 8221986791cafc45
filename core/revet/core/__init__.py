"""The pure half of Revet: values in, values out. No I/O, no clock, no environment."""
