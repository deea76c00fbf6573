package main

import (
	"bytes"
	"encoding/base64"
	"encoding/json"
	"net/url"
	"os"
	"sort"
	"strings"
)

const shortest = 4 // shorter values would make holes in everything

// newMask puts *** in the place of every hidden value, in all the forms that the contract names.
func newMask(input stageInput) *strings.Replacer {
	forms := map[string]bool{}
	for _, value := range input.hidden {
		whole := strings.Trim(value, "\r\n")
		for _, line := range append(strings.Split(whole, "\n"), whole) {
			if line = strings.TrimSpace(line); len(line) >= shortest {
				addForms(forms, line)
			}
		}
	}
	words := make([]string, 0, len(forms))
	for form := range forms {
		words = append(words, form)
	}
	sort.Slice(words, func(a, b int) bool { return len(words[a]) > len(words[b]) })
	pairs := []string{}
	for _, word := range words {
		if len(word) >= shortest {
			pairs = append(pairs, word, "***")
		}
	}
	return strings.NewReplacer(pairs...)
}

func addForms(forms map[string]bool, value string) {
	escaped, _ := json.Marshal(value)
	for _, form := range []string{value, url.QueryEscape(value), url.PathEscape(value), string(escaped[1 : len(escaped)-1])} {
		forms[form] = true
	}
	for _, alphabet := range []*base64.Encoding{base64.StdEncoding, base64.URLEncoding} {
		forms[alphabet.EncodeToString([]byte(value))] = true
		for before := 0; before < 3; before++ { // of whatever is encoded around it, the characters that it alone decides
			encoded := alphabet.EncodeToString(append(make([]byte, before), value...))
			forms[encoded[(before*8+5)/6:(before+len(value))*8/6]] = true
		}
	}
}

// stageLog is the log: what it takes goes to stdout, masked, and is kept for the archive, byte for byte the same.
type stageLog struct {
	mask *strings.Replacer
	kept bytes.Buffer
}

func newLog(mask *strings.Replacer) *stageLog { return &stageLog{mask: mask} }

func (log *stageLog) line(text string) {
	masked := log.mask.Replace(text) + "\n"
	log.kept.WriteString(masked)
	os.Stdout.WriteString(masked)
}

func (log *stageLog) bytes() []byte { return log.kept.Bytes() }
