// Before anything is drawn, so that a dark page is never light first, and whoever is signed in sees the frame of the
// page while its scripts are fetched. The theme is chosen in src/design/theme.ts, the token kept by src/session.
{
  const page = document.documentElement
  let theme = null
  let isSignedIn = location.hash.startsWith('#sign-in=')
  try {
    theme = localStorage.getItem('berth.theme')
    isSignedIn ||= sessionStorage.getItem('berth.token') !== null
  } catch {
    // Storage may be forbidden; then the system decides, and the frame comes with the page.
  }
  if (theme === 'light' || theme === 'dark') page.dataset.theme = theme
  if (isSignedIn) page.dataset.arriving = ''
}
