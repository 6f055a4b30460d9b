"""The pages in menu order. To add a page, write a module and add a line here."""

from api.admin.account import AccountPage
from api.admin.analytics import AnalyticsPage
from api.admin.audit import AuditPage
from api.admin.comments import CommentsPage
from api.admin.comparisons import ComparisonsPage
from api.admin.dead_letters import DeadLettersPage
from api.admin.detect import DetectPage
from api.admin.home import HomePage
from api.admin.models import ModelsPage
from api.admin.notices import NoticesPage
from api.admin.page import Page
from api.admin.platforms import PlatformsPage
from api.admin.privacy import PrivacyPage
from api.admin.review import ReviewPage
from api.admin.reviews import ReviewsPage
from api.admin.second_factor import SecondFactorPage
from api.admin.sign_in import CodePage, ConfirmPage, PasswordPage, SignInPage, SignOutPage, SignUpPage
from api.admin.single_sign_on import ConfirmAtProviderPage, SingleSignOnPage
from api.admin.users import UsersPage


def pages() -> list[Page]:
    """Return all pages; the menu shows those that the user's role may open."""
    return [
        HomePage(),
        ReviewPage(),
        CommentsPage(),
        ReviewsPage(),
        DetectPage(),
        AnalyticsPage(),
        PlatformsPage(),
        NoticesPage(),
        DeadLettersPage(),
        ModelsPage(),
        ComparisonsPage(),
        UsersPage(),
        PrivacyPage(),
        AuditPage(),
        AccountPage(),
        SignInPage(),
        CodePage(),
        SingleSignOnPage(),
        ConfirmAtProviderPage(),
        SecondFactorPage(),
        SignUpPage(),
        PasswordPage(),
        ConfirmPage(),
        SignOutPage(),
    ]
