"""All I/O of Revet: the only rooms that touch network, files, environment and clock."""
