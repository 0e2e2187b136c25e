"""A small imitation of the model hub: redirects, its headers, ranges, and ways to go wrong."""

import hashlib
import http.server
import json
import re
import threading


class Hub:
    """Files by path, e.g. files["Owner/Repository"]["x.gguf"] = b"…"; behaviour by attributes."""

    def __init__(self):
        self.files = {}
        self.requests = []          # (method, path, Range header)
        self.cut_after = []         # bytes of each next body after which the connection ends
        self.ranges = True
        self.announce = True        # X-Linked-Etag and X-Linked-Size
        self.announced_sha = None   # another one than the truth
        self.announced_bytes = None
        self.status = None          # every answer is this status
        self.server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), self.handler())
        self.url = f"http://127.0.0.1:{self.server.server_port}"
        self.thread = threading.Thread(target=self.server.serve_forever, daemon=True)
        self.thread.start()

    def close(self):
        self.server.shutdown()
        self.server.server_close()

    def handler(self):
        hub = self

        class Handler(http.server.BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def log_message(self, *arguments):
                pass

            def do_HEAD(self):
                hub.answer(self, body=False)

            def do_GET(self):
                hub.answer(self, body=True)

        return Handler

    def answer(self, request, body):
        path = request.path.split("?")[0]
        self.requests.append((request.command, path, request.headers.get("Range")))
        if self.status is not None:
            return self.small(request, self.status, b"{}", body)
        resolve = re.fullmatch(r"/([^/]+/[^/]+)/resolve/main/(.+)", path)
        storage = re.fullmatch(r"/storage/([^/]+/[^/]+)/(.+)", path)
        listing = re.fullmatch(r"/api/models/(.+)", path)
        if listing and listing[1] in self.files:
            names = [{"rfilename": name} for name in self.files[listing[1]]]
            return self.small(request, 200, json.dumps({"siblings": names}).encode(), body)
        for match, send in ((resolve, self.redirect), (storage, self.storage)):
            if match and match[2] in self.files.get(match[1], {}):
                return send(request, match[1], match[2], body)
        return self.small(request, 404, b"Entry not found", body)

    def small(self, request, status, data, body):
        request.send_response(status)
        request.send_header("Content-Length", str(len(data)))
        request.end_headers()
        if body:
            request.wfile.write(data)

    def redirect(self, request, repository, name, body):
        """As the hub answers for a large file: its facts, and where it lies."""
        data = self.files[repository][name]
        request.send_response(302)
        if self.announce:
            sha = self.announced_sha or hashlib.sha256(data).hexdigest()
            request.send_header("X-Linked-Etag", f'"{sha}"')
            request.send_header("X-Linked-Size", str(self.announced_bytes or len(data)))
        request.send_header("ETag", '"not-a-checksum"')
        request.send_header("Location", f"/storage/{repository}/{name}?signed=yes")
        request.send_header("Content-Length", "0")
        request.end_headers()

    def storage(self, request, repository, name, body):
        data = self.files[repository][name]
        total, begin = len(data), 0
        wanted = re.fullmatch(r"bytes=(\d+)-", request.headers.get("Range") or "")
        if wanted and self.ranges:
            begin = int(wanted[1])
            if begin >= total:
                return self.small(request, 416, b"", body)
        request.send_response(206 if wanted and self.ranges else 200)
        if wanted and self.ranges:
            request.send_header("Content-Range", f"bytes {begin}-{total - 1}/{total}")
        # 64 digits, but not those of the file: storage networks have hashes of their own.
        request.send_header("ETag", '"' + "5" * 64 + '"')
        request.send_header("Content-Length", str(total - begin))
        request.end_headers()
        if not body:
            return
        data = data[begin:]
        if self.cut_after:
            data = data[:self.cut_after.pop(0)]
            request.close_connection = True
        request.wfile.write(data)
        if request.close_connection:
            request.wfile.flush()
            request.connection.close()
