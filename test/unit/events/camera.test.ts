import assert from 'node:assert/strict'
import { test } from 'node:test'
import { Camera } from '../../../src/events/camera.ts'
import { State } from '../../../src/events/state.ts'
import { silentLogger } from '../../../src/util/logger.ts'
import { VirtualClock } from '../../support/virtual-clock.ts'

class CountingCamera extends Camera {
  shots: number[] = []
  cleanups = 0
  broken = false

  override onShutter(state: State): void {
    this.shots.push(state.eventCount)
    if (this.broken) throw new Error('no film')
  }

  override onCleanup(): void {
    this.cleanups += 1
  }
}

test('pictures are taken at intervals, one more at the end, and cleaned up now and then [9-015]', async () => {
  const clock = new VirtualClock()
  const state = new State({ clock })
  const camera = new CountingCamera(state, { clock, freq: 2, cleanupFreq: 5 })
  camera.clearAfter = true
  const signals: string[] = []
  camera.shutterSignal.connect(({ sender }) => void signals.push(`shutter ${sender === state}`))
  camera.cleanupSignal.connect(() => void signals.push('cleanup'))
  camera.install()
  state.event({ type: 'custom-thing' })
  await clock.advance(5_000)
  assert.deepEqual([camera.shots, camera.cleanups], [[1, 0], 1])
  assert.deepEqual(signals, ['shutter true', 'shutter true', 'cleanup'])
  await camera.cancel()
  await clock.advance(60_000)
  assert.equal(camera.shots.length, 3)
  await camera.cancel()
  assert.equal(camera.shots.length, 3)
})

test('no more pictures are taken than the rate allows, and a broken one ends nothing [9-015]', async () => {
  const clock = new VirtualClock()
  const errors: string[] = []
  const logger = { ...silentLogger, error: (text: string) => void errors.push(text) }
  const camera = new CountingCamera(new State({ clock }), { clock, logger, freq: 1, maxrate: '6/m' })
  camera.broken = true
  camera.install()
  await clock.advance(30_500)
  assert.equal(camera.shots.length, 3)
  assert.equal(errors.length, 3)
})
