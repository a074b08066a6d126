/**
 * Keys of topic exchanges: words between dots, in which `*` stands for exactly one word and `#` for any number of them,
 * none included.
 *
 * kombu turns a key into a regular expression and stores that beside the binding, so bindings of ours carry the same
 * text. Matching goes by the key itself, as RabbitMQ does: kombu's expression lets `*` match several words and has no
 * way for `a.#` to match `a`.
 */

/** kombu's regular expression for a topic key, as it stands in binding tables. kombu: `TopicExchange.key_to_pattern`. */
export function topicPattern(key: string): string {
  const words = key.split('.').map((word) => {
    if (word === '*') return '.*?[^\\.]'
    if (word === '#') return '.*?'
    return word.replace(/[^\p{L}\p{N}*#]/gu, (char) => (char === '\0' ? '\\000' : `\\${char}`))
  })
  return `^${words.join('\\.')}$`
}

/** Whether a routing key fits the key that a queue was bound to a topic exchange with. */
export function matchesTopic(key: string, routingKey: string): boolean {
  return key === routingKey || key === '#' || expression(key).test(routingKey)
}

/** Compiled keys. There are as many as bindings; the limit only keeps made-up keys from piling up. */
const compiled = new Map<string, RegExp>()
const COMPILED_LIMIT = 1000

function expression(key: string): RegExp {
  let found = compiled.get(key)
  if (found === undefined) {
    found = compile(key)
    if (compiled.size >= COMPILED_LIMIT) compiled.clear()
    compiled.set(key, found)
  }
  return found
}

function compile(key: string): RegExp {
  const words = key.split('.').filter((word, index, all) => word !== '#' || all[index - 1] !== '#')
  let source = ''
  let needsDot = false
  for (const [index, word] of words.entries()) {
    if (word === '#') {
      // The dot belongs to the words that `#` stands for, so that it can vanish with them.
      source += index === 0 ? '(?:[^.]*\\.)*' : '(?:\\.[^.]*)*'
      needsDot = index > 0
      if (words.length === 1) return /^/
    } else {
      source += `${needsDot ? '\\.' : ''}${word === '*' ? '[^.]*' : word.replace(/[\\^$.*+?()[\]{}|/-]/g, '\\$&')}`
      needsDot = true
    }
  }
  return new RegExp(`^${source}$`)
}
