import assert from 'node:assert/strict'
import { hostname } from 'node:os'
import { test } from 'node:test'
import { nodeFormat } from '../../../src/cli/node-format.ts'

test('names of nodes in paths [6-062]', () => {
  const all = '%n %h %d %p %i %I %% %x'
  assert.equal(
    nodeFormat(all, 'w1@box.example.org'),
    'w1 box.example.org example.org w1@box.example.org 0  % %x',
  )
  assert.equal(nodeFormat('%n%I.log', 'w1@box', 3), 'w1-3.log')
  assert.equal(nodeFormat('%i', 'w1@box', 3), '3')
  assert.equal(nodeFormat('%d', 'w1@box'), '')
  assert.equal(nodeFormat('%n@%h', '@'), `celery@${hostname()}`)
})
