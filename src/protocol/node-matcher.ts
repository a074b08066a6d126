/** Patterns for names of nodes. kombu: `kombu.matcher`. */
import { MatcherNotInstalled } from '../errors.ts'
import { matchesGlob } from '../util/glob.ts'

/** Kinds of patterns: `glob` is Python's `fnmatch`, `pcre` its `re.match`. */
const MATCHERS: readonly string[] = ['glob', 'pcre']

/**
 * Whether the name of a node matches a pattern.
 *
 * @param matcher `glob` (the whole name must match) or `pcre` (the beginning must).
 * @throws MatcherNotInstalled for other matchers; SyntaxError when the expression is none.
 */
export function matchesNode(nodename: string, pattern: string, matcher = 'glob'): boolean {
  switch (matcher) {
    case 'glob':
      return matchesGlob(nodename, pattern)
    case 'pcre':
      return expression(pattern).test(nodename)
    default:
      throw new MatcherNotInstalled(
        `There is no matcher '${matcher}' for names of nodes; there are ${MATCHERS.join(' and ')}`,
      )
  }
}

/** A regular expression of Python's: what is written otherwise here is translated. */
function expression(pattern: string): RegExp {
  const [prefix = '', given = ''] = /^\(\?([ims]+)\)/.exec(pattern) ?? []
  const source = pattern
    .slice(prefix.length)
    .replaceAll(/\\[\s\S]|\(\?P<|\(\?P=(\w+)\)/g, (text, name?: string) => {
      if (name !== undefined) return `\\k<${name}>`
      return TRANSLATED[text] ?? text
    })
  // Sticky: at the beginning and nowhere else, as Python's `match`.
  return new RegExp(source, `y${given}`)
}

const TRANSLATED: Readonly<Record<string, string>> = { '\\A': '^', '\\Z': '$(?![\\s\\S])', '(?P<': '(?<' }
