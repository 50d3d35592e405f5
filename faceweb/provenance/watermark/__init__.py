from .embed import watermark_embed
from .read import watermark_read

__all__ = ["watermark_embed", "watermark_read"]
