"""cxanim: photoreal puppets from one photo or one clip, trained with the Contextual loss."""

__version__ = "0.1.0"
