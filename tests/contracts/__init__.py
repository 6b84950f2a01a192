"""What every implementation of a port must do, run over memory and over AWS."""
