import assert from 'node:assert/strict'
import { test } from 'node:test'
import { compileLogFormat } from '../../../src/util/log-format.ts'
import type { StreamLoggerOptions } from '../../../src/util/logger.ts'
import { StreamLogger, silentLogger } from '../../../src/util/logger.ts'
import { VirtualClock } from '../../support/virtual-clock.ts'

test('messages from the level up are written with time, level, name and fields', () => {
  let text = ''
  const write = (piece: string): void => {
    text += piece
  }
  const logger = new StreamLogger('celery', { level: 'INFO', write, clock: new VirtualClock() })
  logger.debug('unseen')
  logger.child('worker').info('ready', { pool: 'async', size: 8 })
  assert.equal(text, '[2030-01-02 03:04:05,678: INFO/celery.worker] ready pool=async size=8\n')
  assert.equal(logger.isEnabled('DEBUG'), false)
  assert.equal(logger.isEnabled('CRITICAL'), true)
})

test('the stack of an error follows its message', () => {
  let text = ''
  const logger = new StreamLogger('celery', { write: (piece) => (text += piece) })
  logger.error('it broke', { error: new Error('cause of it') })
  assert.match(text, /ERROR\/celery\] it broke\nError: cause of it\n {4}at /)
})

test('what cannot be written as JSON is shown all the same, errors that are none among it', () => {
  const circular: Record<string, unknown> = { name: 'x' }
  circular['self'] = circular
  const never = (): never => {
    throw new Error('never')
  }
  const hostile = new Proxy(new Error('no'), { get: never, getPrototypeOf: never })
  const written = (options: StreamLoggerOptions): string => {
    let text = ''
    const logger = new StreamLogger('celery', { ...options, write: (piece) => (text += piece) })
    for (const error of [circular, 12n, hostile, 'a text']) logger.error('it broke', { error, field: error })
    return text.replaceAll(/^\[.*\] /gm, '')
  }
  const lines = [
    "it broke field={'name': 'x', 'self': <Recursion on dict>} error={'name': 'x', 'self': <Recursion on dict>}",
    'it broke field=12 error=12',
    'it broke field=<Unrepresentable>\n<Unrepresentable>',
    'it broke field=a text error=a text\n',
  ]
  assert.equal(written({}), lines.join('\n'))
  const format = compileLogFormat({ format: '%(message)s', processName: 'MainProcess', color: false })
  assert.equal(written({ format }), lines.join('\n'))
})

test('the silent logger is enabled for nothing', () => {
  assert.equal(silentLogger.isEnabled('CRITICAL'), false)
  assert.equal(silentLogger.child('x'), silentLogger)
})
