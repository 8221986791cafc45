"""`revet verify`: what a policy makes of the signatures of one image, step by step."""
