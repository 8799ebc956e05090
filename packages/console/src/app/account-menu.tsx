/** Who is signed in, how the page looks, and the way out. */
import { useQuery } from '@tanstack/react-query'
import { BookOpen, ChevronsUpDown, LogOut } from 'lucide-react'
import { useIsReachable } from '../api/connection.ts'
import { systemQuery, whoamiQuery } from '../api/queries.ts'
import { classNames } from '../design/class-names.ts'
import { Menu } from '../design/menu.tsx'
import { chooseTheme, type Theme, useTheme } from '../design/theme.ts'
import { signOut } from '../session/session.ts'

const THEMES: readonly { readonly value: Theme; readonly label: string }[] = [
  { value: 'system', label: 'As the system' },
  { value: 'light', label: 'Light' },
  { value: 'dark', label: 'Dark' },
]

export function AccountMenu() {
  const { data: me } = useQuery(whoamiQuery())
  const { data: system } = useQuery(systemQuery())
  const isReachable = useIsReachable()
  const theme = useTheme()
  return (
    <div className="border-t border-line p-3">
      <Menu
        trigger={
          <button
            type="button"
            className="flex w-full items-center gap-2.5 rounded-md px-2.5 py-1.5 text-left hover:bg-hover"
          >
            <span className="min-w-0 flex-1">
              <span className="block truncate text-sm font-medium">{me?.name ?? '…'}</span>
              <span className="flex items-center gap-1.5 text-xs text-faint">
                <span
                  aria-hidden="true"
                  className={classNames('size-1.5 rounded-full', isReachable ? 'bg-good' : 'bg-warn')}
                />
                {isReachable ? `Berth ${system?.version ?? ''}` : 'Not reachable'}
              </span>
            </span>
            <ChevronsUpDown className="size-3.5 text-faint" aria-hidden />
          </button>
        }
        items={({ MenuChoice, MenuItem, MenuLine }) => (
          <>
            <MenuChoice label="Appearance" value={theme} choices={THEMES} onValue={chooseTheme} />
            <MenuLine />
            <MenuItem icon={BookOpen} onSelect={() => window.open('/docs', '_blank', 'noopener')}>
              API reference
            </MenuItem>
            <MenuItem icon={LogOut} onSelect={() => signOut()}>
              Sign out
            </MenuItem>
          </>
        )}
      />
    </div>
  )
}
