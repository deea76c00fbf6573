package main

import (
	"bytes"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"time"
)

// etcdClient speaks to etcd's JSON gateway: keys and values in base64, 64-bit numbers as texts.
type etcdClient struct {
	url, user, password string
	http                http.Client
}

func newEtcd(input stageInput) *etcdClient {
	return &etcdClient{
		url:      "http://" + input.Context.KVAddress,
		user:     input.credentials["etcd-user"],
		password: input.credentials["etcd-password"],
		http:     http.Client{Timeout: 3 * time.Second},
	}
}

type txnAnswer struct {
	Succeeded bool `json:"succeeded"`
	Responses []struct {
		Range struct {
			KVs []struct {
				Revision string `json:"mod_revision"`
				Value    []byte `json:"value"`
			} `json:"kvs"`
		} `json:"response_range"`
	} `json:"responses"`
}

// claim makes the first report; false where another pod has made it.
func (etcd *etcdClient) claim(key string, report *stageReport) (bool, error) {
	absent := map[string]any{"target": "CREATE", "result": "EQUAL", "create_revision": "0"}
	answer, err := etcd.putIf(key, absent, report)
	if err != nil || answer.Succeeded {
		return err == nil, err
	}
	_, writer := answer.present()
	return writer == report.Writer, nil // ours, where only the answer to our put was lost
}

// finish makes the last report; nothing is written where the key is another pod's by now.
func (etcd *etcdClient) finish(key string, report *stageReport) error {
	answer, err := etcd.txn(map[string]any{"success": []any{rangeOf(key)}})
	if err != nil {
		return err
	}
	revision, writer := answer.present()
	if writer != report.Writer {
		return refusal{"the report is another pod's"}
	}
	unchanged := map[string]any{"target": "MOD", "result": "EQUAL", "mod_revision": revision}
	answer, err = etcd.putIf(key, unchanged, report)
	if err == nil && !answer.Succeeded {
		return fmt.Errorf("the report changed meanwhile")
	}
	return err
}

func (etcd *etcdClient) putIf(key string, compare map[string]any, report *stageReport) (txnAnswer, error) {
	value, err := json.Marshal(report)
	if err != nil {
		return txnAnswer{}, err
	}
	compare["key"] = encoded(key)
	put := map[string]any{"request_put": map[string]any{"key": encoded(key), "value": value}}
	return etcd.txn(map[string]any{
		"compare": []any{compare}, "success": []any{put}, "failure": []any{rangeOf(key)},
	})
}

func rangeOf(key string) map[string]any {
	return map[string]any{"request_range": map[string]any{"key": encoded(key)}}
}

func encoded(text string) string { return base64.StdEncoding.EncodeToString([]byte(text)) }

// present is the revision and the writer of the report that is there.
func (answer txnAnswer) present() (revision, writer string) {
	for _, response := range answer.Responses {
		for _, kv := range response.Range.KVs {
			var there stageReport
			_ = json.Unmarshal(kv.Value, &there)
			return kv.Revision, there.Writer
		}
	}
	return "", ""
}

func (etcd *etcdClient) txn(body map[string]any) (answer txnAnswer, err error) {
	token := ""
	if etcd.user != "" { // a token is good for minutes only, so each call gets its own
		var got struct{ Token string }
		if err = etcd.post("/v3/auth/authenticate", "", map[string]any{"name": etcd.user, "password": etcd.password}, &got); err != nil {
			return answer, err
		}
		token = got.Token
	}
	err = etcd.post("/v3/kv/txn", token, body, &answer)
	return answer, err
}

func (etcd *etcdClient) post(path, token string, body, answer any) error {
	data, err := json.Marshal(body)
	if err != nil {
		return err
	}
	request, err := http.NewRequest(http.MethodPost, etcd.url+path, bytes.NewReader(data))
	if err != nil {
		return refusal{err.Error()}
	}
	if token != "" {
		request.Header.Set("Authorization", token)
	}
	response, err := etcd.http.Do(request)
	if err != nil {
		return err
	}
	defer response.Body.Close()
	text, err := io.ReadAll(response.Body)
	if err != nil {
		return err
	}
	switch response.StatusCode {
	case http.StatusOK:
		return json.Unmarshal(text, answer)
	case http.StatusBadRequest, http.StatusForbidden:
		return refusal{string(text)}
	default:
		return fmt.Errorf("%s: %s", response.Status, text)
	}
}
