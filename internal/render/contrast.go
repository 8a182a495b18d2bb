package render

// ReadableContrast is the contrast that links and labels have in every mail (WCAG 2.2, 1.4.3, and a little more since clients round); see
// PaletteOf.
const ReadableContrast = readable
