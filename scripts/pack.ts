/**
 * Builds and packs the package as npm would publish it, in a folder of its own: `dist/` stays as it is, so that this
 * can run beside anything else.
 */
import { execFile } from 'node:child_process'
import { cp, mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'

const ROOT = fileURLToPath(new URL('..', import.meta.url))

/** Writes the tarball into a folder; answers its path. Rejects with what the compiler or npm says. */
export async function pack(into: string): Promise<string> {
  const stage = await mkdtemp(join(tmpdir(), 'celeriac-pack-'))
  try {
    const compiler = join(ROOT, 'node_modules/.bin/tsc')
    await run(compiler, ['-p', join(ROOT, 'tsconfig.build.json'), '--outDir', join(stage, 'dist')])
    for (const file of ['package.json', 'README.md', 'LICENSE', 'CHANGELOG.md']) {
      await cp(join(ROOT, file), join(stage, file))
    }
    return await packFolder(stage, into)
  } finally {
    await rm(stage, { recursive: true, force: true })
  }
}

/** Packs a folder with a package.json as it is; answers the path of the tarball. */
export async function packFolder(folder: string, into: string): Promise<string> {
  const args = ['pack', folder, '--ignore-scripts', '--json', '--silent', '--pack-destination', into]
  const output = await run('npm', args)
  const name = /"filename":\s*"([^"]+)"/.exec(output)?.[1]
  if (name === undefined) throw new Error(`npm pack did not say what it has written:\n${output}`)
  return join(into, name)
}

/** Runs a program to its end; answers what it has written to standard output. */
function run(command: string, args: readonly string[]): Promise<string> {
  return new Promise((resolve, reject) => {
    execFile(command, args, { maxBuffer: 16 << 20 }, (error, stdout, stderr) => {
      if (error === null) resolve(stdout)
      else reject(new Error(`${error.message}${stdout}${stderr}`))
    })
  })
}
