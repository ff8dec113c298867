"""What was measured of every artifact, on one page: report.html and report.json."""
