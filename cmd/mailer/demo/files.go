package demo

// AppealText is the Markdown of the newsroom's appeal.
func AppealText() string { return file("appeal.md") }

// Recipe is the TOML recipe of the newsroom's weekday digest.
func Recipe() string { return file("weekday.toml") }

// Readers is a CSV file of 50 readers: some of them supporters, some of them not yet confirmed.
func Readers() string { return file("readers.csv") }

// SuppressedReader is one of Readers, who once complained and is not mailed.
const SuppressedReader = "cokoro@example.net"

// ShownReader is one of Readers, confirmed and not a supporter, whose mail the demo points to.
const ShownReader = "bruno@example.com"

func file(name string) string {
	raw, err := content.ReadFile("content/" + name)
	if err != nil {
		panic(err) // embedded: cannot be missing
	}
	return string(raw)
}
