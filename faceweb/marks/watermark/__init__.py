"""An imperceptible mark that carries a 64-bit id and survives what sharing does to a picture."""

from .embed import watermark_embed
from .read import watermark_read

__all__ = ["watermark_embed", "watermark_read"]
