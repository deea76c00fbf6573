import json
import threading
import unittest
from urllib.error import HTTPError
from urllib.request import Request, urlopen

from server import check, make_server


class Server(unittest.TestCase):
    def setUp(self) -> None:
        self.server = make_server("127.0.0.1", 0)
        self.addCleanup(self.server.server_close)
        thread = threading.Thread(target=self.server.serve_forever, kwargs={"poll_interval": 0.01})
        thread.start()
        self.addCleanup(thread.join)
        self.addCleanup(self.server.shutdown)

    def get(self, path: str, language: str = "") -> dict[str, str]:
        url = f"http://127.0.0.1:{self.server.server_port}{path}"
        with urlopen(Request(url, headers={"Accept-Language": language}), timeout=5) as response:
            return dict(json.load(response))

    def test_the_world_is_greeted(self) -> None:
        self.assertEqual(self.get("/"), {"greeting": "Hello, World!", "language": "en"})

    def test_a_name_from_the_path_is_greeted_in_the_callers_language(self) -> None:
        self.assertEqual(self.get("/greetings/Ren%C3%A9", "fr"), {"greeting": "Bonjour, René!", "language": "fr"})

    def test_an_empty_name_is_a_bad_request(self) -> None:
        with self.assertRaises(HTTPError) as caught:
            self.get("/greetings/")
        self.assertEqual(caught.exception.code, 400)
        caught.exception.close()

    def test_an_unknown_path_is_not_found(self) -> None:
        with self.assertRaises(HTTPError) as caught:
            self.get("/nowhere")
        self.assertEqual(caught.exception.code, 404)
        caught.exception.close()

    def test_the_health_check_sees_the_service(self) -> None:
        self.assertEqual(check(self.server.server_port), 0)


if __name__ == "__main__":
    unittest.main()
