"""Which pages there are, in the order of the menu. A new page is one line here and a module of its own."""

from liuyan.api.admin.account import AccountPage
from liuyan.api.admin.analytics import AnalyticsPage
from liuyan.api.admin.audit import AuditPage
from liuyan.api.admin.comments import CommentsPage
from liuyan.api.admin.dead_letters import DeadLettersPage
from liuyan.api.admin.detect import DetectPage
from liuyan.api.admin.models import ModelsPage
from liuyan.api.admin.notices import NoticesPage
from liuyan.api.admin.page import Page
from liuyan.api.admin.review import ReviewPage
from liuyan.api.admin.reviews import ReviewsPage
from liuyan.api.admin.sign_in import ConfirmPage, PasswordPage, SignInPage, SignOutPage, SignUpPage
from liuyan.api.admin.users import UsersPage


def pages() -> list[Page]:
    """The pages behind the home page; each leaves itself out of the menu of whoever lacks its role."""
    return [
        ReviewPage(),
        CommentsPage(),
        ReviewsPage(),
        DetectPage(),
        AnalyticsPage(),
        NoticesPage(),
        DeadLettersPage(),
        ModelsPage(),
        UsersPage(),
        AuditPage(),
        AccountPage(),
        SignInPage(),
        SignUpPage(),
        PasswordPage(),
        ConfirmPage(),
        SignOutPage(),
    ]
