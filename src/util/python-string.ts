const NEEDS_ESCAPE = /[\\'\p{C}\p{Z}]/u
const ESCAPED = /[\\\p{C}\p{Z}]/gu

/** Prints a text as Python's `repr` does: `'it\'s'` becomes `"it's"`, a line break `\n`, what cannot be seen `\x00`. */
export function pythonString(text: string): string {
  if (!NEEDS_ESCAPE.test(text)) return `'${text}'`
  const quote = text.includes("'") && !text.includes('"') ? '"' : "'"
  const escaped = text.replace(ESCAPED, escapeCharacter)
  return quote + (quote === "'" ? escaped.replaceAll("'", "\\'") : escaped) + quote
}

function escapeCharacter(character: string): string {
  switch (character) {
    case ' ':
      return ' '
    case '\\':
      return '\\\\'
    case '\n':
      return '\\n'
    case '\r':
      return '\\r'
    case '\t':
      return '\\t'
  }
  const code = character.codePointAt(0) ?? 0
  const hex = code.toString(16)
  if (code <= 0xff) return `\\x${hex.padStart(2, '0')}`
  return code <= 0xffff ? `\\u${hex.padStart(4, '0')}` : `\\U${hex.padStart(8, '0')}`
}
