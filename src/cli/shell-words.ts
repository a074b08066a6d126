/** Words as a POSIX shell parts and quotes them. Python: `shlex`. */

/**
 * Parts a line into words: blanks part, quotes hold together, a backslash takes the next character as it is.
 * @throws SyntaxError when a quote isn't closed.
 */
export function splitWords(line: string): string[] {
  const words: string[] = []
  let word: string | undefined
  for (let place = 0; place < line.length; place++) {
    const character = line.charAt(place)
    if (/\s/.test(character)) {
      if (word !== undefined) words.push(word)
      word = undefined
      continue
    }
    word ??= ''
    if (character === "'" || character === '"') {
      const end = closingQuote(line, place)
      const text = line.slice(place + 1, end)
      word += character === '"' ? text.replace(/\\(["\\$`])/g, '$1') : text
      place = end
    } else if (character === '\\') {
      place += 1
      word += line.charAt(place)
    } else {
      word += character
    }
  }
  if (word !== undefined) words.push(word)
  return words
}

function closingQuote(line: string, start: number): number {
  const quote = line.charAt(start)
  for (let place = start + 1; place < line.length; place++) {
    if (line[place] === '\\' && quote === '"') place += 1
    else if (line[place] === quote) return place
  }
  throw new SyntaxError(`The quote ${quote} is not closed in: ${line}`)
}

/** Words as a line that a shell parts into them again. */
export function joinWords(words: readonly string[]): string {
  return words.map(quoteWord).join(' ')
}

function quoteWord(word: string): string {
  return /^[\w@%+=:,./-]+$/.test(word) ? word : `'${word.replaceAll("'", `'"'"'`)}'`
}
