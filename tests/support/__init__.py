"""What tests share: builders of objects and policies, data files, and servers to talk to."""
