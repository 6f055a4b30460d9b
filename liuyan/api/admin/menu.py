"""Which pages there are, in the order of the menu. A new page is one line here and a module of its own."""

from starlette_admin.views import BaseView

from liuyan.api.admin.detect import DetectPage
from liuyan.api.admin.sign_in import PasswordPage, SignInPage, SignOutPage, SignUpPage


def pages() -> list[BaseView]:
    """The pages behind the home page; each leaves itself out of the menu of whoever lacks its role."""
    return [DetectPage(), SignInPage(), SignUpPage(), PasswordPage(), SignOutPage()]
