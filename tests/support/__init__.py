"""What tests share: builders of pods and policies."""
