import assert from 'node:assert/strict'
import { test } from 'node:test'
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

test('the silent logger is enabled for nothing', () => {
  assert.equal(silentLogger.isEnabled('CRITICAL'), false)
  assert.equal(silentLogger.child('x'), silentLogger)
})
