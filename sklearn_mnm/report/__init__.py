"""Reports as HTML pages: what a model says of a query, and what a model is.

A report is one file that shows its figures, tables and notes without network and JavaScript, in
light and dark, on screens and paper::

    from sklearn_mnm import load_pretrained
    from sklearn_mnm.report import query_report

    encoder, _ = load_pretrained()
    query_report(encoder, ["reward anticipation"]).save("report.html")

In a notebook a report shows itself; ``report.open_in_browser()`` shows it elsewhere. Reports need
jinja2 and matplotlib: ``pip install 'sklearn-mnm[report]'``.
"""

from sklearn_mnm.report.document import HTMLReport
from sklearn_mnm.report.model import model_report
from sklearn_mnm.report.query import query_report

__all__ = ["HTMLReport", "model_report", "query_report"]
