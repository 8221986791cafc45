"""Runtime events, from the sensors' own shapes to a policy's conditions; pure, clock passed in."""
