package main

import (
	"bufio"
	"encoding/json"
	"os"
)

func fromJSON(data []byte, to any) error { return json.Unmarshal(data, to) }

// questions answers each line of standard input with a line of JSON, until it ends: the parent wants no more, or is gone.
func questions(answer func(string) any) error {
	in := bufio.NewScanner(os.Stdin)
	for in.Scan() {
		if err := reply(answer(in.Text())); err != nil {
			return err
		}
	}
	return in.Err()
}
