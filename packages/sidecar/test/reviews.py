"""A service in another language: Python's standard library, and nothing about tokens, certificates or policies."""

import json
import os
import sys
import urllib.error
import urllib.request
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

OTHERS = os.environ.get("OTHERS")


def call(path, context):
    request = urllib.request.Request(OTHERS + path)
    if context is not None:
        request.add_header("banyan-context", context)
    try:
        with urllib.request.urlopen(request) as response:
            return json.load(response)
    except urllib.error.HTTPError as error:
        return json.load(error)


class Reviews(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    last_context = None

    def do_GET(self):
        if self.path == "/health":
            return self.answer(200, {})
        _, _, book, *rest = self.path.split("/")
        headers = {name.lower(): value for name, value in self.headers.items()}
        context = headers.get("banyan-context")
        if book == "others":
            # What `people` says about whoever asked; then without the context, then with one that has ended.
            answers = [call("/people/me", context), call("/people/me", None), call("/people/me", Reviews.last_context)]
            Reviews.last_context = context
            return self.answer(200, {"seen": json.dumps(answers)})
        if book == "missing":
            return self.answer(404, {"reason": "noSuchBook", "detail": "No such book."})
        if book == "broken":
            return self.answer(500, {"trace": "secret stack"})
        Reviews.last_context = context
        self.answer(200, {"seen": json.dumps(headers)})

    def do_POST(self):
        length = int(self.headers.get("content-length", 0))
        body = json.loads(self.rfile.read(length))
        self.answer(200, {"seen": json.dumps(body)})

    def answer(self, status, body):
        data = json.dumps(body).encode()
        self.send_response(status)
        self.send_header("content-type", "application/json")
        self.send_header("content-length", str(len(data)))
        self.end_headers()
        self.wfile.write(data)

    def log_message(self, *_):
        pass


server = ThreadingHTTPServer(("127.0.0.1", int(sys.argv[1])), Reviews)
print("listening", flush=True)
server.serve_forever()
