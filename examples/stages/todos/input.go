package main

import (
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"time"
)

const (
	contextVariable = "KONTINUOUS_CONTEXT"
	credentials     = "/kontinuous/credentials"
	secretsFolder   = "/kontinuous/secrets"
	workspace       = "/workspace"
)

// stageContext is what this stage needs of the context; unknown fields are passed over.
type stageContext struct {
	Version   int            `json:"version"`
	Commit    string         `json:"commit"`
	Ref       string         `json:"ref"`
	CloneURL  string         `json:"clone_url"`
	Params    map[string]any `json:"params"`
	Secrets   []string       `json:"secrets"`
	KVAddress string         `json:"kv_address"`
	S3URL     string         `json:"s3_url"`
	S3Bucket  string         `json:"s3_bucket"`
	S3Region  string         `json:"s3_region"`
	ReportKey string         `json:"report_key"`
	LogPrefix string         `json:"log_prefix"`
	PatienceS int            `json:"patience_s"`
}

type stageInput struct {
	Context     stageContext
	credentials map[string]string
	secrets     map[string]string
	// hidden are all values that nobody may see.
	hidden []string
}

func (input stageInput) patience() time.Duration {
	return time.Duration(input.Context.PatienceS) * time.Second
}

func readInput() (stageInput, error) {
	input := stageInput{secrets: map[string]string{}}
	text, found := os.LookupEnv(contextVariable)
	if !found {
		return input, errors.New(contextVariable + " is not set")
	}
	if err := json.Unmarshal([]byte(text), &input.Context); err != nil {
		return input, fmt.Errorf("%s cannot be read: %w", contextVariable, err)
	}
	if input.Context.Version != 1 {
		return input, fmt.Errorf("this image reads contexts of version 1, not %d", input.Context.Version)
	}
	input.credentials = readFolder(credentials)
	for name, value := range input.credentials {
		input.credentials[name] = strings.TrimRight(value, "\r\n")
		if !strings.HasSuffix(name, "-user") && name != "s3-access-key" {
			input.hidden = append(input.hidden, input.credentials[name])
		}
	}
	for _, secret := range input.Context.Secrets {
		for key, value := range readFolder(filepath.Join(secretsFolder, secret)) {
			input.hidden = append(input.hidden, value)
			if _, taken := input.secrets[key]; !taken { // the secret that is named first counts
				input.secrets[key] = value
			}
		}
	}
	return input, nil
}

// param is a param's value; one that is a key of a secret stands for the secret's value.
func (input stageInput) param(name string) any {
	value := input.Context.Params[name]
	if key, isText := value.(string); isText {
		if secret, found := input.secrets[key]; found {
			return secret
		}
	}
	return value
}

// readFolder reads a mounted Secret, without the links that Kubernetes keeps there.
func readFolder(folder string) map[string]string {
	found := map[string]string{}
	entries, _ := os.ReadDir(folder)
	for _, entry := range entries {
		if data, err := os.ReadFile(filepath.Join(folder, entry.Name())); err == nil {
			found[entry.Name()] = string(data)
		}
	}
	return found
}
