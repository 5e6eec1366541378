"""A model on a web page: type a text or upload a map, see maps, words and studies.

``mnm app`` serves the page on this computer; in Python::

    from sklearn_mnm import load_pretrained
    from sklearn_mnm.app import serve

    serve(load_pretrained().encoder)

Pages need no other server, and run nothing but a script of their own and nilearn's viewer, which is
shut in a frame. The server needs starlette, uvicorn, python-multipart, jinja2 and matplotlib:
``pip install 'sklearn-mnm[app]'``.
"""

from sklearn_mnm.app.server import create_app, serve

__all__ = ["create_app", "serve"]
