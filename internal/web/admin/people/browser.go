package people

import "strings"

// browsers and systems by what stands in the User-Agent; the first that fits, since each pretends to be those below it.
var (
	browsers = [][2]string{{"Edg", "Edge"}, {"OPR/", "Opera"}, {"SamsungBrowser", "Samsung Internet"}, {"Firefox/", "Firefox"}, {"FxiOS", "Firefox"},
		{"CriOS", "Chrome"}, {"HeadlessChrome", "Chrome"}, {"Chrome/", "Chrome"}, {"Safari/", "Safari"}, {"curl/", "curl"}, {"Go-http-client", "a program"}}
	systems = [][2]string{{"iPhone", "iPhone"}, {"iPad", "iPad"}, {"Android", "Android"}, {"CrOS", "ChromeOS"}, {"Windows", "Windows"}, {"Mac OS X", "a Mac"}, {"Linux", "Linux"}}
)

// browserName says what a User-Agent means to a person.
func browserName(agent string) string {
	name, on := "An unknown browser", ""
	for _, b := range browsers {
		if strings.Contains(agent, b[0]) {
			name = strings.ToUpper(b[1][:1]) + b[1][1:]
			break
		}
	}
	for _, s := range systems {
		if strings.Contains(agent, s[0]) {
			on = " on " + s[1]
			break
		}
	}
	return name + on
}
