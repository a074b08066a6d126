import assert from 'node:assert/strict'
import { test } from 'node:test'
import { matchesTopic, topicPattern } from '../../../../src/messaging/virtual/topic-pattern.ts'

// The expressions stand in binding tables that Python reads: these were captured from kombu.
test('patterns are written as kombu writes them [5-106]', () => {
  assert.equal(topicPattern('golden.#'), '^golden\\..*?$')
  assert.equal(topicPattern('a.*.c.#'), '^a\\..*?[^\\.]\\.c\\..*?$')
  assert.equal(topicPattern('#'), '^.*?$')
})

// kombu escapes everything but letters and digits.
test('patterns are escaped as kombu escapes them', () => {
  assert.equal(topicPattern('a-b_c.é1+'), '^a\\-b\\_c\\.é1\\+$')
  assert.equal(topicPattern('a*b.c#'), '^a*b\\.c#$')
})

const cases: readonly (readonly [key: string, routingKey: string, fits: boolean])[] = [
  ['a.b', 'a.b', true],
  ['a.b', 'a.bc', false],
  ['*', 'a', true],
  ['*', 'a.b', false],
  ['*.*', 'a.b', true],
  ['#', '', true],
  ['#', 'a.b.c', true],
  ['a.#', 'a', true],
  ['a.#', 'ab', false],
  ['#.a', 'a', true],
  ['#.a', 'b.c.a', true],
  ['#.a', 'ba', false],
  ['a.#.#.b', 'a.b', true],
  ['a.#.b', 'a.x.y.b', true],
  ['#.*', '', true],
  ['#.*.#', 'a', true],
  ['a.*.#', 'a', false],
  ['a.*.#', 'a.b.c', true],
  ['a[0].(b)', 'a[0].(b)', true],
  ['a.b', 'a\nb', false],
]
for (const [key, routingKey, fits] of cases) {
  // `*` is one word, `#` is any number of them.
  test(`${key} ${fits ? 'gets' : 'does not get'} ${JSON.stringify(routingKey)} [5-096]`, () => {
    assert.equal(matchesTopic(key, routingKey), fits)
  })
}

// Keys come from outside: none may take forever.
test('a long routing key is decided at once', () => {
  assert.equal(matchesTopic('#.a.#.b.#.c', `${'x.'.repeat(200)}d`), false)
})
