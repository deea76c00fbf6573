import unittest

from greeting import greet, preferred_language


class PreferredLanguage(unittest.TestCase):
    def test_the_highest_quality_wins(self) -> None:
        self.assertEqual(preferred_language("en;q=0.4, fr-CH;q=0.9, de;q=0.7"), "fr")

    def test_a_language_that_is_not_spoken_is_passed_over(self) -> None:
        self.assertEqual(preferred_language("tlh, es;q=0.1"), "es")

    def test_without_a_known_language_it_is_english(self) -> None:
        for header in ("", "tlh", "fr;q=0", "fr;q=much", ",,;"):
            with self.subTest(header=header):
                self.assertEqual(preferred_language(header), "en")


class Greet(unittest.TestCase):
    def test_the_name_is_greeted_in_the_language(self) -> None:
        self.assertEqual(greet(" Ada ", "ja"), "こんにちは, Ada!")

    def test_a_name_that_nobody_has_is_refused(self) -> None:
        for name in ("", "  ", "a\nb", "a" * 81):
            with self.subTest(name=name), self.assertRaises(ValueError):
                greet(name, "en")


if __name__ == "__main__":
    unittest.main()
