"""Work on the parameters of a model: their norms, their vectors, parametrisations; sequences of unequal lengths."""
