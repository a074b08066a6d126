import { celeriacSettings } from '../../config/settings/celeriac.ts'
import { oldNames, settingNames, snakeCase } from '../../config/settings.ts'

/** How names are written: `taskSerializer`, `task_serializer`, or `CELERY_TASK_SERIALIZER`. */
export type NameStyle = 'camelCase' | 'snake_case' | 'compat'

/** What stands before the name of a variable of the environment: `process.env.`, `os.environ[`, `getenv(`. */
const ENVIRONMENT = /(?:\benv|\benviron)(?:\.get\(|\?\.|\.|\[)\s*['"]?$|\bgetenv\(\s*['"]?$/
const IMPORT = /^\s*(?:import|from)\b[^;]*?(?:['"][^'"\n]*['"]|\bimport\b[^\n]*)/gm
const WORD = /[A-Z][A-Z0-9]*(?:_[A-Z0-9]+)+|BROKER_URL/g

/** Gives the settings in a text the names they have today. */
export function upgradeSettings(text: string, style: NameStyle): string {
  const imported = new Set([...text.matchAll(IMPORT)].flatMap(([statement]) => statement.match(WORD) ?? []))
  return text.replace(WORD, (word: string, offset: number) => {
    const name = NEW_NAMES.get(word)
    const isPart = /[\w$]/.test(text.charAt(offset - 1)) || /[\w$]/.test(text.charAt(offset + word.length))
    if (name === undefined || isPart || imported.has(word)) return word
    const line = text.slice(text.lastIndexOf('\n', offset) + 1, offset)
    return ENVIRONMENT.test(line) ? word : styled(name, style)
  })
}

/** Settings by their names of before Celery 4. */
const NEW_NAMES: ReadonlyMap<string, string> = new Map(
  settingNames
    .filter((name) => !Object.hasOwn(celeriacSettings, name))
    .flatMap((name) => oldNames(name).map((old) => [old, name] as const)),
)

function styled(name: string, style: NameStyle): string {
  if (style === 'camelCase') return name
  const snake = snakeCase(name)
  return style === 'snake_case' ? snake : `CELERY_${snake.toUpperCase()}`
}
