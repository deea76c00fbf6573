package main

import (
	"bufio"
	"context"
	"encoding/base64"
	"fmt"
	"io/fs"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"sort"
	"strings"
	"syscall"
)

var defaultWords = []string{"TODO", "FIXME"}

// work clones the commit and looks for marks in it; more than the param `most` of them fail the stage.
func work(stop context.Context, input stageInput, log *stageLog) (map[string]any, error) {
	names := make([]string, 0, len(input.Context.Params))
	for name := range input.Context.Params {
		names = append(names, name)
	}
	sort.Strings(names)
	for _, name := range names {
		log.line(fmt.Sprintf("%s: %v", name, input.param(name)))
	}
	words, most, err := readParams(input)
	if err != nil {
		return nil, err
	}
	if err := clone(stop, input); err != nil {
		return nil, err
	}
	found := 0
	err = filepath.WalkDir(workspace, func(path string, entry fs.DirEntry, err error) error {
		if err != nil || stop.Err() != nil {
			return err
		}
		if entry.IsDir() && entry.Name() == ".git" {
			return fs.SkipDir
		}
		if entry.Type().IsRegular() {
			found += search(path, words, log)
		}
		return nil
	})
	result := map[string]any{"todos": found}
	if err == nil && found > most {
		reason := fmt.Sprintf("%d marks are left (%s), and %d are allowed: see the log", found, strings.Join(words, ", "), most)
		return result, failure{"user", reason, exitUser}
	}
	return result, err
}

func readParams(input stageInput) (words []string, most int, err error) {
	words = defaultWords
	if given, found := input.Context.Params["words"].([]any); found {
		words = nil
		for _, word := range given {
			words = append(words, fmt.Sprint(word))
		}
	}
	switch value := input.param("most").(type) {
	case nil:
	case float64:
		most = int(value)
	default:
		return nil, 0, failure{"input", fmt.Sprintf("the param most is %v, not a number", value), exitInput}
	}
	return words, most, nil
}

func search(path string, words []string, log *stageLog) (found int) {
	file, err := os.Open(path)
	if err != nil {
		return 0
	}
	defer file.Close()
	lines := bufio.NewScanner(file)
	for number := 1; lines.Scan(); number++ {
		for _, word := range words {
			if strings.Contains(lines.Text(), word) {
				name, _ := filepath.Rel(workspace, path)
				log.line(fmt.Sprintf("%s:%d: %s", name, number, strings.TrimSpace(lines.Text())))
				found++
				break
			}
		}
	}
	return found
}

// clone fetches the commit; the login goes through git's environment, so that it stands on no command line.
func clone(stop context.Context, input stageInput) error {
	address, err := url.Parse(input.Context.CloneURL)
	if err != nil {
		return failure{"input", err.Error(), exitInput}
	}
	variables := append(os.Environ(), "GIT_TERMINAL_PROMPT=0", "GIT_CONFIG_COUNT=1", "HOME=/tmp",
		"GIT_CONFIG_KEY_0=safe.directory", "GIT_CONFIG_VALUE_0=*")
	if password := input.credentials["git-password"]; password != "" {
		login := base64.StdEncoding.EncodeToString([]byte(input.credentials["git-user"] + ":" + password))
		server := address.Scheme + "://" + address.Host + "/"
		variables = append(variables, "GIT_CONFIG_COUNT=2",
			"GIT_CONFIG_KEY_1=http."+server+".extraHeader", "GIT_CONFIG_VALUE_1=Authorization: Basic "+login)
	}
	git := func(words ...string) error {
		command := exec.CommandContext(stop, "git", words...)
		command.Dir, command.Env = workspace, variables
		command.SysProcAttr = &syscall.SysProcAttr{Setpgid: true} // git's helpers end with it
		command.Cancel = func() error { return syscall.Kill(-command.Process.Pid, syscall.SIGKILL) }
		if output, err := command.CombinedOutput(); err != nil {
			return fmt.Errorf("git %s: %v: %s", words[0], err, strings.TrimSpace(string(output)))
		}
		return nil
	}
	if err := git("init", "--quiet", "."); err != nil {
		return err
	}
	err = git("fetch", "--quiet", "--depth=1", input.Context.CloneURL, input.Context.Commit)
	if err != nil && input.Context.Ref != "" { // a server that gives no bare commits
		err = git("fetch", "--quiet", input.Context.CloneURL, input.Context.Ref)
	}
	if err != nil {
		return err
	}
	return git("checkout", "--quiet", "--detach", input.Context.Commit)
}
