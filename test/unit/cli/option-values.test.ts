import assert from 'node:assert/strict'
import { test } from 'node:test'
import { InvalidArgumentError } from 'commander'
import {
  autoscale,
  commaList,
  isoDateOrSeconds,
  logLevel,
  positiveInteger,
  seconds,
  truth,
  wholeNumber,
} from '../../../src/cli/option-values.ts'

function refuses(parse: (text: string) => unknown, ...texts: string[]): void {
  for (const text of texts) assert.throws(() => parse(text), InvalidArgumentError, text)
}

test('numbers', () => {
  assert.equal(positiveInteger('8'), 8)
  refuses(positiveInteger, '0', '-1', '1.5', 'x', '', '1e3')
  assert.equal(wholeNumber('0'), 0)
  refuses(wholeNumber, '-1', '', 'x')
})

test('lengths of time stay as they are written', () => {
  for (const text of ['10', '0.5', '.5', '250ms', '1h30m']) assert.equal(seconds(text), text)
  refuses(seconds, '', 'ten', '5 apples', '-1')
})

test('lists', () => {
  assert.deepEqual(commaList('a, b,,c '), ['a', 'b', 'c'])
  assert.deepEqual(commaList(''), [])
})

test('severities in any case, by name or number, FATAL included [6-018, 10-004]', () => {
  assert.equal(logLevel('info'), 'INFO')
  assert.equal(logLevel('Fatal'), 'CRITICAL')
  assert.equal(logLevel('30'), 'WARNING')
  refuses(logLevel, 'verbose', '31', '')
})

test('bounds of a pool in either order [6-021]', () => {
  assert.deepEqual(autoscale('10,3'), { max: 10, min: 3 })
  assert.deepEqual(autoscale('3,10'), { max: 10, min: 3 })
  assert.deepEqual(autoscale('10'), { max: 10, min: 0 })
  refuses(autoscale, '', 'a,b', '1,2,3', '10,')
})

test('moments, or seconds from now', () => {
  assert.equal(isoDateOrSeconds('60'), 60)
  assert.deepEqual(isoDateOrSeconds('2030-01-02'), new Date('2030-01-02T00:00:00Z'))
  refuses(isoDateOrSeconds, '', 'soon', '2030-02-30')
})

test('flags', () => {
  assert.deepEqual(['1', 'TRUE', 'yes', 'on', 't', 'y'].map(truth), Array(6).fill(true))
  assert.deepEqual(['0', 'False', 'no', 'off', 'f', 'n'].map(truth), Array(6).fill(false))
  assert.equal(truth('perhaps'), undefined)
})
