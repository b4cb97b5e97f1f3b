"""PartiQL: statements are read, bound to their parameters, and carried out as the operations that they stand for."""
