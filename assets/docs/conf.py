"""The site of the pages in this folder: `sphinx-build -W assets/docs SITE` (extra `docs`)."""

from gs_pygame import __version__

project = "gs_pygame"
author = "gs_pygame"
version = release = __version__
extensions = ["myst_parser", "sphinx.ext.autodoc", "sphinx.ext.napoleon"]
html_theme = "furo"
html_title = f"gs_pygame {__version__}"
html_favicon = "../starfall/moon.png"
html_show_copyright = False
default_role = "code"
myst_heading_anchors = 3
autodoc_member_order = "bysource"
autodoc_typehints = "description"
