import assert from 'node:assert/strict'
import { suite, test } from 'node:test'
import { MatcherNotInstalled } from '../../../src/errors.ts'
import { matchesNode } from '../../../src/protocol/node-matcher.ts'

suite('matchesNode', () => {
  test('a glob is the default and must match the whole name [5-085]', () => {
    assert.ok(matchesNode('celery@host', 'celery@*'))
    assert.ok(matchesNode('celery@host', 'celery@h?st', 'glob'))
    assert.ok(!matchesNode('celery@host', 'celery'))
  })

  test('an expression matches at the beginning, as in Python [5-085]', () => {
    assert.ok(matchesNode('celery@host', 'cel', 'pcre'))
    assert.ok(!matchesNode('celery@host', 'host', 'pcre'))
    assert.ok(matchesNode('celery@host', 'x|celery', 'pcre'))
    assert.ok(!matchesNode('my-celery@host', 'x|celery', 'pcre'))
  })

  test("Python's ways of writing are understood", () => {
    assert.ok(matchesNode('w1@w1', '(?P<a>\\w+)@(?P=a)\\Z', 'pcre'))
    assert.ok(!matchesNode('w1@w2', '(?P<a>\\w+)@(?P=a)\\Z', 'pcre'))
    assert.ok(matchesNode('Celery@Host', '(?i)\\Acelery@host$', 'pcre'))
    assert.ok(matchesNode('a\\A', 'a\\\\A', 'pcre'))
  })

  test('unknown matchers and broken expressions are told', () => {
    assert.throws(() => matchesNode('a', 'a', 'soundex'), MatcherNotInstalled)
    assert.throws(() => matchesNode('a', '(', 'pcre'), SyntaxError)
  })
})
