"""git-data: plain git commands version data of any size, at the speed of links."""

__version__ = "0.1.0"
