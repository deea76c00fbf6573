package main

import (
	"bytes"
	"crypto/hmac"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"strings"
	"time"
)

// bucket puts objects into S3 with signature version 4, in the path style: http://host/bucket/key.
type bucket struct {
	url, name, region, accessKey, secretKey string
}

func newBucket(input stageInput) bucket {
	return bucket{
		url: input.Context.S3URL, name: input.Context.S3Bucket, region: input.Context.S3Region,
		accessKey: input.credentials["s3-access-key"], secretKey: input.credentials["s3-secret-key"],
	}
}

func (b bucket) put(key string, data []byte) error {
	address, err := url.Parse(b.url)
	if err != nil {
		return refusal{err.Error()}
	}
	path := "/" + b.name + "/" + escapedPath(key)
	request, err := http.NewRequest(http.MethodPut, address.Scheme+"://"+address.Host+path, bytes.NewReader(data))
	if err != nil {
		return refusal{err.Error()}
	}
	b.sign(request, address.Host, path, hash(data))
	client := http.Client{Timeout: 10 * time.Second}
	response, err := client.Do(request)
	if err != nil {
		return fmt.Errorf("S3 does not answer: %w", err)
	}
	defer response.Body.Close()
	text, _ := io.ReadAll(io.LimitReader(response.Body, 1000))
	switch {
	case response.StatusCode < 300:
		return nil
	case response.StatusCode < 500:
		return refusal{fmt.Sprintf("S3 refuses: %s %s", response.Status, text)}
	default:
		return fmt.Errorf("S3: %s %s", response.Status, text)
	}
}

func (b bucket) sign(request *http.Request, host, path, bodyHash string) {
	now := time.Now().UTC()
	moment, day := now.Format("20060102T150405Z"), now.Format("20060102")
	headers := "host;x-amz-content-sha256;x-amz-date"
	canonical := strings.Join([]string{
		request.Method, path, "",
		"host:" + host, "x-amz-content-sha256:" + bodyHash, "x-amz-date:" + moment, "",
		headers, bodyHash,
	}, "\n")
	scope := strings.Join([]string{day, b.region, "s3", "aws4_request"}, "/")
	toSign := strings.Join([]string{"AWS4-HMAC-SHA256", moment, scope, hash([]byte(canonical))}, "\n")
	key := []byte("AWS4" + b.secretKey)
	for _, part := range strings.Split(scope, "/") {
		key = mac(key, part)
	}
	request.Header.Set("x-amz-content-sha256", bodyHash)
	request.Header.Set("x-amz-date", moment)
	request.Header.Set("Authorization", fmt.Sprintf(
		"AWS4-HMAC-SHA256 Credential=%s/%s,SignedHeaders=%s,Signature=%s",
		b.accessKey, scope, headers, hex.EncodeToString(mac(key, toSign))))
}

func escapedPath(key string) string {
	parts := strings.Split(key, "/")
	for i, part := range parts {
		parts[i] = strings.ReplaceAll(url.QueryEscape(part), "+", "%20")
	}
	return strings.Join(parts, "/")
}

func hash(data []byte) string {
	sum := sha256.Sum256(data)
	return hex.EncodeToString(sum[:])
}

func mac(key []byte, text string) []byte {
	h := hmac.New(sha256.New, key)
	h.Write([]byte(text))
	return h.Sum(nil)
}
